// Sends a person and their orders with @rudderstack/rudder-sdk-node: HOST KEY PERSON ORDERS SECONDS.
import RudderAnalytics from '@rudderstack/rudder-sdk-node';

const [dataPlaneUrl, key, userId, orders, seconds] = process.argv.slice(2);
const Client = RudderAnalytics.default ?? RudderAnalytics;
const client = new Client(key, { dataPlaneUrl, flushAt: 7, flushInterval: 300, retryCount: 20 });
client.identify({ userId, traits: { email: `${userId}@example.com`, name: 'Pia', shoe_size: 38 } });
for (let n = 0; n < Number(orders); n++) {
  client.track({ userId, event: 'Order Completed', properties: { order: n, revenue: 14.99 } });
  await new Promise((done) => setTimeout(done, (1000 * Number(seconds)) / Number(orders)));
}
client.page({ userId, category: 'Docs', name: 'Home', properties: { path: '/' } });
await client.flush();
