// Sends each event to `hirehouse collect --micro` and asks it what it thinks of them.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Events } from './events.js';

const collector = process.env.COLLECTOR ?? 'http://127.0.0.1:8080';
const candidacy = {
  id: 'cdy-1', candidateId: 'cand-1', positionId: 'pos-1', baseSalary: 120_000, currency: 'EUR',
};

async function micro(path, method = 'GET') {
  const response = await fetch(`${collector}/micro/${path}`, { method });
  assert.equal(response.status, 200);
  return response.json();
}

// The properties of each event that `emitting` sends; fails unless all conform.
async function emitted(emitting) {
  const events = new Events('any', collector);
  emitting(events);
  await events.close();
  const wrong = (await micro('bad')).flatMap(({ event, reasons }) => reasons.map((reason) =>
    `${event.event}: ${reason.rule} ${reason.pointer}: expected ${reason.expected}, found ${reason.found}`));
  assert.deepEqual(wrong, []);
  return (await micro('good')).map(({ contract, event }) => [contract, event.properties]);
}

beforeEach(() => micro('reset', 'POST'));

test('an interview request is told', async () => {
  const found = await emitted((events) => events.interviewRequested('emp-1', candidacy));
  assert.deepEqual(found, [['interview_requested', {
    candidacy_id: 'cdy-1', candidate_id: 'cand-1', employer_id: 'emp-1', position_id: 'pos-1',
    base_salary: 120_000, currency: 'EUR',
  }]]);
});

test('an answer to an offer is told', async () => {
  const offer = { id: 'offer-1', candidacyId: 'cdy-1' };
  const found = await emitted((events) => events.offerAnswered('cand-1', offer, 'accepted'));
  assert.deepEqual(found, [['offer_answered', {
    offer_id: 'offer-1', candidacy_id: 'cdy-1', answer: 'accepted',
  }]]);
});

test('signing in links a visitor to a person', async () => {
  const found = await emitted((events) => events.signedIn('emp-1', 'visitor-1'));
  assert.deepEqual(found.map(([contract]) => contract), ['identity_linked']);
});
