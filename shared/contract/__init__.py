"""The contract with backends, made from the models: JSON schemas, and the AsyncAPI document of the AMQP door (pure)."""
