"""The business: products, orders, quotes, agreements, production, planning, and what is remembered of them."""
