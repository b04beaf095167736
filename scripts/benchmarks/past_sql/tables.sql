-- The database of the application: third normal form, a fact in one place, surrogate keys, lookup
-- tables, status columns, soft deletes. `indexes.sql` has its foreign keys and indexes.
create schema production;
set search_path to production;

create table channels (
    id smallint generated always as identity primary key,
    name varchar(40) not null unique
);

create table roles (
    id smallint generated always as identity primary key,
    name varchar(40) not null unique
);

create table locations (
    id smallint generated always as identity primary key,
    name varchar(80) not null unique
);

create table plans (
    id smallint generated always as identity primary key,
    name varchar(20) not null unique
);

create table stages (
    id smallint generated always as identity primary key,
    name varchar(40) not null unique,
    rank integer not null,
    milestone varchar(20) not null
);

create table exchange_rates (
    id integer generated always as identity primary key,
    currency varchar(3) not null,
    valid_from date not null,
    valid_to date not null,
    rate_to_usd numeric(12, 6) not null
);

create table users (
    id bigint generated always as identity primary key,
    public_id varchar(64) not null,
    kind varchar(10) not null,
    email varchar(320),
    full_name varchar(200),
    channel_id smallint not null,
    country_code varchar(2) not null,
    created_at timestamp not null,
    deleted_at timestamp
);

create table candidates (
    id bigint generated always as identity primary key,
    user_id bigint not null
);

create table candidate_profiles (
    id bigint generated always as identity primary key,
    candidate_id bigint not null,
    role_id smallint not null,
    location_id smallint not null,
    years_experience integer not null,
    remote_preference varchar(10) not null,
    min_base_salary integer,
    currency varchar(3),
    skills text,
    created_at timestamp not null
);

create table candidate_reviews (
    id bigint generated always as identity primary key,
    candidate_id bigint not null,
    decision varchar(20) not null,
    reason varchar(40),
    created_at timestamp not null
);

create table candidate_availabilities (
    id bigint generated always as identity primary key,
    candidate_id bigint not null,
    availability varchar(20) not null,
    available_from date,
    created_at timestamp not null
);

create table employers (
    id bigint generated always as identity primary key,
    user_id bigint not null,
    company_name varchar(200) not null,
    industry varchar(40) not null,
    employee_range varchar(12) not null,
    updated_at timestamp not null
);

create table positions (
    id bigint generated always as identity primary key,
    public_id varchar(64) not null,
    employer_id bigint not null,
    role_id smallint not null,
    status varchar(10) not null,
    closing_reason varchar(20),
    created_at timestamp not null,
    closed_at timestamp
);

create table position_revisions (
    id bigint generated always as identity primary key,
    position_id bigint not null,
    title varchar(200) not null,
    location_id smallint not null,
    remote_policy varchar(10) not null,
    min_salary integer,
    max_salary integer,
    currency varchar(3),
    created_at timestamp not null
);

create table candidacies (
    id bigint generated always as identity primary key,
    public_id varchar(64) not null,
    candidate_id bigint not null,
    position_id bigint not null,
    origin varchar(20) not null,
    status varchar(10) not null,
    created_at timestamp not null,
    closed_at timestamp,
    closing_reason varchar(40),
    closed_by varchar(12)
);

create table applications (
    candidacy_id bigint primary key,
    cover_letter_words integer
);

create table interview_requests (
    candidacy_id bigint primary key,
    base_salary integer not null,
    currency varchar(3) not null,
    equity_offered boolean,
    answer varchar(10),
    decline_reason varchar(40),
    answered_at timestamp
);

create table stage_transitions (
    id bigint generated always as identity primary key,
    candidacy_id bigint not null,
    stage_id smallint not null,
    created_at timestamp not null
);

create table interviews (
    id bigint generated always as identity primary key,
    candidacy_id bigint not null,
    stage_id smallint not null,
    scheduled_for timestamp not null,
    outcome varchar(20),
    created_at timestamp not null,
    completed_at timestamp
);

create table offers (
    id bigint generated always as identity primary key,
    public_id varchar(64) not null,
    candidacy_id bigint not null,
    base_salary integer,
    currency varchar(3),
    expires_on date,
    answer varchar(10),
    decline_reason varchar(40),
    created_at timestamp not null,
    answered_at timestamp
);

create table placements (
    id bigint generated always as identity primary key,
    candidacy_id bigint not null,
    offer_id bigint,
    started_on date not null,
    created_at timestamp not null
);

create table invoices (
    id bigint generated always as identity primary key,
    public_id varchar(64) not null,
    candidacy_id bigint not null,
    amount numeric(12, 2) not null,
    currency varchar(3) not null,
    due_on date not null,
    created_at timestamp not null
);

create table refunds (
    id bigint generated always as identity primary key,
    invoice_id bigint not null,
    amount numeric(12, 2) not null,
    reason varchar(40) not null,
    created_at timestamp not null
);

create table subscriptions (
    id bigint generated always as identity primary key,
    public_id varchar(64) not null,
    employer_id bigint not null,
    currency varchar(3) not null,
    status varchar(10) not null,
    created_at timestamp not null,
    cancelled_at timestamp
);

create table subscription_changes (
    id bigint generated always as identity primary key,
    subscription_id bigint not null,
    change varchar(20) not null,
    plan_id smallint not null,
    monthly_amount numeric(12, 2) not null,
    created_at timestamp not null
);

create table searches (
    id bigint generated always as identity primary key,
    public_id varchar(64) not null,
    employer_id bigint not null,
    role_id smallint,
    location_id smallint,
    min_years_experience integer,
    result_count integer not null,
    created_at timestamp not null
);

create table profile_views (
    id bigint generated always as identity primary key,
    search_id bigint,
    employer_id bigint not null,
    candidate_id bigint not null,
    position_id bigint,
    created_at timestamp not null
);

create table sessions (
    id bigint generated always as identity primary key,
    public_id varchar(64) not null,
    anonymous_id varchar(64) not null,
    user_id bigint,
    user_agent text,
    created_at timestamp not null
);

create table page_views (
    id bigint generated always as identity primary key,
    session_id bigint not null,
    page_name varchar(128) not null,
    url text,
    referrer text,
    created_at timestamp not null
);

create table emails (
    id bigint generated always as identity primary key,
    public_id varchar(64) not null,
    user_id bigint not null,
    template varchar(80) not null,
    created_at timestamp not null
);

create table email_clicks (
    id bigint generated always as identity primary key,
    email_id bigint not null,
    link_url text not null,
    created_at timestamp not null
);
