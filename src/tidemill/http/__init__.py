"""What the API and the console share: middleware, authentication, problem documents, and the server under them.

A request passes `inflight → request_id → errors → metrics → headers → hosts → body_limit → auth → idempotency` on its
way to a route (`stack.py` puts them together); `server.py` is what listens. `auth` asks `keyring` who it is, `access`
what the route needs, and has `denials` write down who was refused.
"""
