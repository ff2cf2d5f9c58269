{{ by }} IS NOT NULL
AND {{ by }} IN (SELECT {{ by }} FROM {{ coarse }})
