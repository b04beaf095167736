// The events of an application: the one place that knows their names and keys.
import { Analytics } from '@segment/analytics-node';

export class Events {
  // host: the collector's address.
  constructor(writeKey, host) {
    this.analytics = new Analytics({ writeKey, host });
  }

  interviewRequested(employerId, candidacy) {
    this.analytics.track({
      userId: employerId,
      event: 'interview_requested',
      properties: {
        candidacy_id: candidacy.id,
        candidate_id: candidacy.candidateId,
        employer_id: employerId,
        position_id: candidacy.positionId,
        base_salary: candidacy.baseSalary,
        currency: candidacy.currency,
      },
    });
  }

  offerAnswered(candidateId, offer, answer) {
    this.analytics.track({
      userId: candidateId,
      event: 'offer_answered',
      properties: { offer_id: offer.id, candidacy_id: offer.candidacyId, answer },
    });
  }

  signedIn(userId, anonymousId) {
    this.analytics.identify({ userId, anonymousId });
  }

  // Before the process ends: sends what waits.
  close() {
    return this.analytics.closeAndFlush();
  }
}

// A day at the marketplace: `node events.js` sends it to the collector.
if (process.argv[1] === import.meta.filename) {
  const events = new Events(process.env.WRITE_KEY, process.env.COLLECTOR);
  const candidacy = { id: 'cdy-1', candidateId: 'cand-1', positionId: 'pos-1', baseSalary: 120_000 };
  events.signedIn('emp-1', 'visitor-1');
  events.interviewRequested('emp-1', { ...candidacy, currency: 'EUR' });
  events.offerAnswered('cand-1', { id: 'offer-1', candidacyId: 'cdy-1' }, 'accepted');
  await events.close();
}
