"""Tests against a real RabbitMQ, a real MongoDB and the simulators; a missing server fails them, it never skips."""
