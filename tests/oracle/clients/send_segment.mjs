// Sends a person and their orders with @segment/analytics-node: HOST KEY PERSON ORDERS SECONDS.
import { Analytics } from '@segment/analytics-node';

const [host, writeKey, userId, orders, seconds] = process.argv.slice(2);
const failed = [];
const client = new Analytics({ writeKey, host, flushAt: 7, flushInterval: 300, maxRetries: 20 });
client.on('error', (error) => failed.push(error));
client.identify({ userId, traits: { email: `${userId}@example.com`, name: 'Pia', shoe_size: 38 } });
for (let n = 0; n < Number(orders); n++) {
  client.track({ userId, event: 'Order Completed', properties: { order: n, revenue: 14.99 } });
  await new Promise((done) => setTimeout(done, (1000 * Number(seconds)) / Number(orders)));
}
client.page({ userId, category: 'Docs', name: 'Home', properties: { path: '/' } });
await client.closeAndFlush({ timeout: 90_000 });
if (failed.length > 0) {
  console.error('not delivered', failed);
  process.exit(1);
}
