"""Sends a person and their orders with rudder-sdk-python: HOST KEY PERSON ORDERS SECONDS."""

import sys
import time

from rudderstack.analytics.client import Client

host, key, person, orders, seconds = *sys.argv[1:4], int(sys.argv[4]), float(sys.argv[5])
failed = []
client = Client(key, host=host, upload_size=7, max_retries=20, on_error=lambda e, items: failed.append(e))
client.identify(person, {"email": f"{person}@example.com", "name": "Pia", "shoe_size": 38})
for n in range(orders):
    client.track(person, "Order Completed", {"order": n, "revenue": 14.99})
    time.sleep(seconds / orders)
client.page(person, "Docs", "Home", {"path": "/"})
client.flush()
client.join()
sys.exit(f"not delivered: {failed}" if failed else 0)
