"""The admin Web API: who may call, the endpoints, their OpenAPI document, and the page for operators.

A request passes `cors` and `token_check`, which are in front of the application, then its blueprint, which checks the
user's role, and one database function.
"""
