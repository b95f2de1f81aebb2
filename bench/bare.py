"""The least that a webhook's endpoint can do: check the HMAC, parse the JSON, write once, durably."""

from __future__ import annotations

import hashlib
import hmac
import json
import os

import redis
from flask import Flask, Response, jsonify, request


def create() -> Flask:
    """The application: ``gunicorn 'bench.bare:create()'``."""
    app = Flask(__name__)
    client = redis.Redis.from_url(os.environ["VERDIGRIS_REDIS_URL"])
    secret = os.environ["BENCH_SECRET"].encode()

    @app.post("/webhooks/github")
    def take() -> tuple[Response, int]:
        body = request.get_data()
        digest = hmac.new(secret, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(f"sha256={digest}", request.headers.get("X-Hub-Signature-256", "")):
            return jsonify(error="signature"), 401
        told = json.loads(body)
        client.rpush("bare:deliveries", f"{told['ref']} {told['after']}")
        return jsonify(accepted=told["ref"]), 202

    @app.get("/readyz")
    def ready() -> str:
        return "ready"

    return app
