"""What the choice of suppliers is measured on, and beside."""
