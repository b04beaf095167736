-- What an application declares and its pages need: every foreign key checked and indexed, times of
-- what is listed by time, statuses of what is worked off.
set search_path to production;

create index on users (created_at);
create unique index on candidates (user_id);
create unique index on employers (user_id);
create index on candidate_profiles (candidate_id, created_at);
create index on candidate_reviews (candidate_id, created_at);
create index on candidate_availabilities (candidate_id, created_at);
create index on positions (employer_id);
create index on positions (role_id) where status = 'open';
create index on positions (created_at);
create index on position_revisions (position_id, created_at);
create index on candidacies (candidate_id);
create index on candidacies (position_id);
create index on candidacies (created_at);
create index on candidacies (status) where status in ('open', 'offered');
create index on interview_requests (answered_at);
create index on stage_transitions (candidacy_id, created_at);
create index on stage_transitions (stage_id);
create index on interviews (candidacy_id);
create index on interviews (scheduled_for);
create index on offers (candidacy_id);
create index on offers (created_at);
create unique index on placements (candidacy_id);
create index on placements (offer_id);
create index on invoices (candidacy_id);
create index on invoices (created_at);
create index on refunds (invoice_id);
create index on refunds (created_at);
create index on subscriptions (employer_id);
create index on subscription_changes (subscription_id, created_at);
create index on searches (employer_id, created_at);
create index on profile_views (employer_id, created_at);
create index on profile_views (candidate_id, created_at);
create index on profile_views (search_id);
create index on sessions (user_id, created_at);
create index on sessions (anonymous_id);
create index on page_views (session_id);
create index on page_views (created_at);
create index on emails (user_id, created_at);
create index on email_clicks (email_id);
create index on exchange_rates (currency, valid_from);

alter table users add foreign key (channel_id) references channels;
alter table candidates add foreign key (user_id) references users;
alter table employers add foreign key (user_id) references users;
alter table candidate_profiles
add foreign key (candidate_id) references candidates,
add foreign key (role_id) references roles,
add foreign key (location_id) references locations;
alter table candidate_reviews add foreign key (candidate_id) references candidates;
alter table candidate_availabilities add foreign key (candidate_id) references candidates;
alter table positions
add foreign key (employer_id) references employers,
add foreign key (role_id) references roles;
alter table position_revisions
add foreign key (position_id) references positions,
add foreign key (location_id) references locations;
alter table candidacies
add foreign key (candidate_id) references candidates,
add foreign key (position_id) references positions;
alter table applications add foreign key (candidacy_id) references candidacies;
alter table interview_requests add foreign key (candidacy_id) references candidacies;
alter table stage_transitions
add foreign key (candidacy_id) references candidacies,
add foreign key (stage_id) references stages;
alter table interviews
add foreign key (candidacy_id) references candidacies,
add foreign key (stage_id) references stages;
alter table offers add foreign key (candidacy_id) references candidacies;
alter table placements
add foreign key (candidacy_id) references candidacies,
add foreign key (offer_id) references offers;
alter table invoices add foreign key (candidacy_id) references candidacies;
alter table refunds add foreign key (invoice_id) references invoices;
alter table subscriptions add foreign key (employer_id) references employers;
alter table subscription_changes
add foreign key (subscription_id) references subscriptions,
add foreign key (plan_id) references plans;
alter table searches
add foreign key (employer_id) references employers,
add foreign key (role_id) references roles,
add foreign key (location_id) references locations;
alter table profile_views
add foreign key (search_id) references searches,
add foreign key (employer_id) references employers,
add foreign key (candidate_id) references candidates,
add foreign key (position_id) references positions;
alter table sessions add foreign key (user_id) references users;
alter table page_views add foreign key (session_id) references sessions;
alter table emails add foreign key (user_id) references users;
alter table email_clicks add foreign key (email_id) references emails;
