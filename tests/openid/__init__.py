"""Real OpenID providers for the tests.

* Fixture ``make_openid(...)`` starts npm's ``oidc-provider`` (:class:`OpenIdServer`),
  which is installed into ``.cache`` once. It is a realm like one of Keycloak: its
  address has a path, roles are in ``realm_access.roles``, access tokens say ``azp``.
* :class:`tests.openid.realm.Realm` signs whatever a test wants, forged tokens too.
"""
