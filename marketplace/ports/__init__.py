"""What the use cases need of the world, in the words of the business. One file a port, one adapter, one fake."""
