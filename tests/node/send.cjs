// Sends one of each call with an SDK for servers.
// Usage: node send.cjs segment|rudder URL WRITE_KEY PROPERTIES    URL is the collector's.
const [, , sdk, url, writeKey, text] = process.argv;
const properties = JSON.parse(text);
const userId = `${sdk}-node`;

function client() {
  if (sdk === 'segment') {
    const { Analytics } = require('@segment/analytics-node');
    return new Analytics({ writeKey, host: url });
  }
  const Rudder = require('@rudderstack/rudder-sdk-node');
  return new Rudder(writeKey, { dataPlaneUrl: url, gzip: true });
}

async function main() {
  const analytics = client();
  analytics.track({ userId, event: 'interview_requested', properties });
  analytics.track({ userId, event: 'Interview Requested', properties });
  analytics.identify({ userId, anonymousId: `anonymous-${userId}`, traits: { name: 'Ana' } });
  analytics.alias({ userId, previousId: `old-${userId}` });
  analytics.page({ userId, name: 'Home', properties: { url: 'https://example.com/' } });
  analytics.group({ userId, groupId: 'g' });
  analytics.screen({ userId, name: 'Start' });
  if (sdk === 'segment') await analytics.closeAndFlush();
  else await new Promise((done, failed) => analytics.flush((error) => (error ? failed(error) : done())));
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
