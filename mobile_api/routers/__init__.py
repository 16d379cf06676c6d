"""The routes, one module a subject. They translate; the use cases decide."""
