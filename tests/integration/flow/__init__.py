"""The whole flow: every service as a process, real RabbitMQ and MongoDB, simulated providers."""
