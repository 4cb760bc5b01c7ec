"""A send over HTTP with Carillon's client, then what became of it. With the same ORDER it is one send."""

import os
import uuid
from datetime import timedelta

from services.client import Audience, Client, Message

with Client(os.environ["CARILLON_URL"], os.environ["CARILLON_APP_SECRET"]) as carillon:
    sent = carillon.send(
        Audience(users=(os.environ["RECIPIENT"],)),
        Message(title="Order shipped", body="It is on its way."),
        key=f"order-{os.environ.get('ORDER', uuid.uuid4().hex)}",
    )
    print(carillon.finished(sent.id, within=timedelta(minutes=1)).model_dump_json())
