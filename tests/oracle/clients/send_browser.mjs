// Sends a person and their orders with @segment/analytics-next, from a page of another origin in a real browser:
// HOST KEY PERSON ORDERS SECONDS. In no time (SECONDS is 0) the orders are gathered, and leave with the page: the
// last one by a beacon of the page's own.
import { createServer } from 'node:http';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [host, key, person, orders, seconds] = process.argv.slice(2);
const library = readFileSync(
  fileURLToPath(new URL('node_modules/@segment/analytics-next/dist/umd/index.js', import.meta.url)),
);
const html = `<!doctype html><html lang="en"><title>Tern &amp; Pine</title><script src="/library.js"></script>
<script>
  const { AnalyticsBrowser } = window.AnalyticsNext;
  window.client = AnalyticsBrowser.load(
    { writeKey: ${JSON.stringify(key)}, cdnURL: ${JSON.stringify(host)} },
    { integrations: { 'Segment.io': {
        deliveryStrategy: location.hash === '#batches'
          ? { strategy: 'batching', config: { size: 20, timeout: 60_000 } } : undefined } } });
  window.addEventListener('pagehide', () => {
    if (location.hash !== '#batches') return;
    const item = { type: 'track', event: 'Order Completed', messageId: 'goodbye-' + window.who,
                   userId: window.who, properties: { order: window.last, revenue: 14.99 } };
    const body = new Blob([JSON.stringify({ batch: [item], writeKey: ${JSON.stringify(key)} })], { type: 'text/plain' });
    navigator.sendBeacon(${JSON.stringify(host)} + '/beacon/v1/batch?writeKey=' + ${JSON.stringify(key)}, body);
  });
</script></html>`;
const shop = createServer((asked, answer) => {
  const isLibrary = asked.url === '/library.js';
  answer.writeHead(200, { 'Content-Type': isLibrary ? 'text/javascript' : 'text/html' });
  answer.end(isLibrary ? library : html);
});
await new Promise((done) => shop.listen(0, '127.0.0.1', done));
const origin = `http://localhost:${shop.address().port}`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext();
// What was answered with 200, by the client's own ids.
const [taken, asked] = [new Set(), new Set()];
const ids = (request) => {
  const body = JSON.parse(request.postData() ?? '{}');
  return (body.batch ?? [body]).map((item) => item.messageId);
};
context.on('response', (response) => {
  asked.add(`${response.request().method()} ${new URL(response.url()).pathname.replace(key, 'KEY')}`);
  if (response.request().method() === 'POST' && response.status() === 200) {
    ids(response.request()).forEach((id) => taken.add(id));
  }
});
const open = async (hash) => {
  const page = await context.newPage();
  await page.goto(`${origin}/${hash}`);
  await page.evaluate(([who, last]) => Object.assign(window, { who, last }), [person, Number(orders) - 1]);
  await page.evaluate(() => Promise.race([client, new Promise((_, no) => setTimeout(no, 30_000, 'no settings'))]));
  return page;
};
const order = (page, n) =>
  page.evaluate((order) => client.track('Order Completed', { order, revenue: 14.99 }) && 0, n);
const identify = (page) => page.evaluate(
  (who) => client.identify(who, { email: `${who}@example.com`, name: 'Pia', shoe_size: 38 }) && 0, person);

if (Number(seconds) > 0) {
  const page = await open('');
  if (process.env.READY) writeFileSync(process.env.READY, '');
  await identify(page);
  for (let n = 0; n < Number(orders); n++) {
    await order(page, n);
    await new Promise((done) => setTimeout(done, (1000 * Number(seconds)) / Number(orders)));
  }
  await page.evaluate(() => client.page('Docs', 'Home', { path: '/' }) && 0);
  for (let n = 0; taken.size < Number(orders) + 2; n++) {
    if (n === 1200) throw new Error(`${taken.size} of ${Number(orders) + 2} were taken`);
    await new Promise((done) => setTimeout(done, 100));
  }
  for (const path of ['GET /v1/projects/KEY/settings', 'POST /v1/i', 'POST /v1/t', 'POST /v1/p']) {
    if (!asked.has(path)) throw new Error(`no ${path}: ${[...asked]}`);
  }
} else {
  const page = await open('#batches');
  await identify(page);
  for (let n = 0; n < Number(orders) - 1; n++) await order(page, n);
  await page.goto('about:blank');
  await new Promise((done) => setTimeout(done, 2_000));
}
await browser.close();
shop.close();
