// Takes the two pictures of the operators' guide from a running server:
//   node docs/images/take-screenshots.mjs <Temporal UI address> <workflow id> [path of chromium]
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [ui, workflowId, executablePath = '/usr/bin/chromium'] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
const take = async (path, name, ready) => {
  await page.goto(`${ui}/namespaces/default/workflows${path}`, { waitUntil: 'networkidle' });
  await page.locator(ready).first().waitFor();
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: fileURLToPath(new URL(name, import.meta.url)), fullPage: true });
};
await take('', 'temporal-ui-turn-list.png', 'table a[href*="/workflows/"]');
await page.setViewportSize({ width: 1400, height: 1350 });
await take(`/${encodeURIComponent(workflowId)}`, 'temporal-ui-turn.png', 'text=callModel');
await browser.close();
