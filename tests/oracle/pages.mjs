// A page for people in a real browser, in each language, as wide as a telephone and as a screen, by day and by
// night: axe-core finds no fault in it, nothing stands beyond its edge, and what is focused is seen.
//
// usage: pages.mjs ADDRESS NAME FOLDER    (beside node_modules with playwright-core and axe-core; CHROMIUM)
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [address, name, folder] = process.argv.slice(2);
const axe = readFileSync(fileURLToPath(new URL('node_modules/axe-core/axe.min.js', import.meta.url)), 'utf8');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const faults = [];
for (const [width, colorScheme] of [[320, 'light'], [390, 'dark'], [1280, 'light']]) {
  for (const language of ['en', 'de', 'fr', 'zh']) {
    // The page runs no script and takes none; axe looks at it from beside.
    const context = await browser.newContext({
      viewport: { width, height: 800 }, colorScheme, locale: language, bypassCSP: true,
    });
    const page = await context.newPage();
    const where = `${name}, ${language}, ${width} wide, ${colorScheme}`;
    const fault = (what) => faults.push(`${where}: ${what}`);
    page.on('requestfailed', (request) => fault(`it asks for ${new URL(request.url()).origin}`));
    page.on('console', (said) => {
      const isIcon = said.location().url.endsWith('/favicon.ico');
      if (['error', 'warning'].includes(said.type()) && !isIcon) fault(said.text());
    });
    const answer = await page.goto(address);
    if (answer.status() !== 200) fault(`it answers ${answer.status()}`);
    const seen = await page.evaluate(() => ({
      language: document.documentElement.lang,
      beyond: document.documentElement.scrollWidth - innerWidth,
      small: [...document.querySelectorAll('button, summary, nav a, label')]
        .filter((one) => one.getBoundingClientRect().height < 24).map((one) => one.textContent.trim()),
    }));
    if (!seen.language.startsWith(language)) fault(`it is in ${seen.language}`);
    if (seen.beyond > 0) fault(`${seen.beyond} pixels stand beyond its edge`);
    if (seen.small.length > 0) fault(`too small for a finger: ${seen.small}`);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run({ resultTypes: ['violations'] }));
    for (const { id, help, nodes } of violations) {
      fault(`${id}: ${help}: ${nodes.map((node) => node.target.join(' ')).join('; ')}`);
    }
    await page.screenshot({ path: `${folder}/${name}-${language}-${width}.png`, fullPage: true });
    // By the keyboard alone: each step is seen.
    for (let step = 0; step < 12; step++) {
      await page.keyboard.press('Tab');
      const plain = await page.evaluate(() => {
        const one = document.activeElement;
        if (one === document.body) return null;
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return outlineStyle === 'none' || parseFloat(outlineWidth) < 1 ? one.outerHTML.slice(0, 80) : null;
      });
      if (plain) fault(`it isn't seen that this is focused: ${plain}`);
    }
    await context.close();
  }
}
await browser.close();
faults.forEach((fault) => console.error(fault));
if (faults.length > 0) process.exit(1);
console.log(`${name}: four languages at three widths, no fault that axe-core knows`);
