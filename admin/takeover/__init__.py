"""Taking over the databases of a running installation of the service that this one replaces."""
