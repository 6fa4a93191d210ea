"""The admin Web API: who may call, the endpoints, their OpenAPI document, and the page for operators.

gunicorn runs `worker`, which waits for slow clients. A complete request passes what is in front of the
application: `cors`, `token_check` (`access_rules` knows what its endpoint needs, `introspection` what its token
gives) and `cross_site`; then the check of the user's role, the view, and one database function.
"""
