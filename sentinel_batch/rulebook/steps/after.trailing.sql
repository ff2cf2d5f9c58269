{{ calls }}.{{ at }} >= {{ start }}
