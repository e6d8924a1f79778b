// Open a notebook in JupyterLab, run all its cells, and take a picture: node screenshot.js URL FILE
const { chromium } = require('playwright-core');

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const PATIENCE_MS = 110000;

async function main(url, file) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS });
  const page = await browser.newPage({ viewport: { width: 1000, height: 1040 } });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(url);
  const cells = page.locator('.jp-NotebookPanel .jp-CodeCell');
  await cells.first().waitFor();
  await page.locator('text="Python 3 (Assay) | Idle"').waitFor();  // the kernel is connected
  await cells.first().click();
  await page.locator('.lm-MenuBar-itemLabel', { hasText: /^Run$/ }).click();
  await page.locator('.lm-Menu-itemLabel', { hasText: /^Run All Cells$/ }).click();
  await page.locator('.jp-NotebookPanel .jp-OutputArea-output:has-text("ZeroDivisionError")').first().waitFor();
  await page.evaluate(() => { document.activeElement?.blur(); document.querySelector('.jp-WindowedPanel-outer')?.scrollTo(0, 0); });
  await page.waitForTimeout(1000);  // for what is drawn with a transition
  await page.screenshot({ path: file });
  await browser.close();
}

main(...process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
