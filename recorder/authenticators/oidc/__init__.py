"""People and services of an OpenID provider, Keycloak among them."""
