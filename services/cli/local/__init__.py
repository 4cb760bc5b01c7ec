"""The local stack: a RabbitMQ, a MongoDB and Carillon's own processes on this machine, on loopback, known by pid.

    setup  ->  rabbitmq, mongod  ->  processes  ->  stack

What is started here is only ever ended by its process id and the moment it was born, so that nothing that another
program started is touched.
"""
