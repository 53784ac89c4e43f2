// Sends a person and their orders with @jitsu/js: HOST KEY PERSON ORDERS. It sends nothing again.
import { jitsuAnalytics } from '@jitsu/js';

const [host, writeKey, userId, orders] = process.argv.slice(2);
const client = jitsuAnalytics({ host, writeKey: `id:${writeKey}` });
await client.identify(userId, { email: `${userId}@example.com`, name: 'Pia', shoe_size: 38 });
for (let n = 0; n < Number(orders); n++) {
  await client.track('Order Completed', { order: n, revenue: 14.99 });
}
await client.page({ name: 'Home', path: '/' });
