"""One module a repository of `marketplace.ports.unit_of_work`, each inside one open transaction."""
