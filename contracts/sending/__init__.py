"""What `contracts.sender` is made of: memory, prices, writing, what the chain says, and looking after what was sent."""
