// Opens a page in headless Chromium, and waits until it says that it is done.
// Usage: node browse.cjs CHROMIUM PAGE FOLDER    FOLDER is for the browser's profile.
const { chromium } = require('playwright-core');

const [, , executablePath, address, folder] = process.argv;
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

async function main() {
  const browser = await chromium.launchPersistentContext(folder, { executablePath, headless: true, args });
  try {
    const page = await browser.newPage();
    page.on('console', (message) => console.error(message.text()));
    await page.goto(address, { referer: 'https://search.example/' });
    await page.waitForFunction(() => document.title.startsWith('done') || document.title.startsWith('error'));
    const title = await page.title();
    if (!title.startsWith('done')) throw new Error(title);
  } finally {
    await browser.close();
  }
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
