"""Messages to people: Firebase Cloud Messaging, Web Push and the words both carry."""
