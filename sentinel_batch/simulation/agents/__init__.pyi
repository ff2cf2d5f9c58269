from .plan import AgentPlan as AgentPlan
from .roles import STRATEGIES as STRATEGIES
from .simulating import simulate_agents as simulate_agents
