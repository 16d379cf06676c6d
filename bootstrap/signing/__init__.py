"""`lotsizeone signer`: settings and limits, the judgement of one request, the log of what was signed, the agent."""
