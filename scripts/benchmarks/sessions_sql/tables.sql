-- What the runs of run.sql fill, in the first schema of the search path.
create table person_ids (
    id varchar(128) not null,
    person_id varchar(128) not null,
    is_user boolean not null
);

create table page_views (
    page_view_id varchar(128) not null,
    visitor_id varchar(128) not null,
    session_id varchar(128) not null,
    session_number bigint not null,
    person_id varchar(128) not null,
    user_id varchar(128),
    anonymous_id varchar(128),
    viewed_at timestamp not null,
    session_page_number bigint not null,
    page_name varchar(128),
    page_url varchar(4096),
    referrer varchar(4096),
    utm_source varchar(255),
    utm_medium varchar(255),
    utm_campaign varchar(255),
    device varchar(10)
);

create table sessions (
    session_id varchar(128) not null,
    person_id varchar(128) not null,
    session_number bigint not null,
    started_at timestamp not null,
    ended_at timestamp not null,
    duration_seconds bigint not null,
    page_view_count bigint not null,
    landing_page_name varchar(128),
    landing_page_url varchar(4096),
    referrer varchar(4096),
    utm_source varchar(255),
    utm_medium varchar(255),
    utm_campaign varchar(255),
    device varchar(10)
);

create table persons (
    person_id varchar(128) not null,
    is_user boolean not null,
    user_id_count bigint not null,
    anonymous_id_count bigint not null,
    session_count bigint not null,
    page_view_count bigint not null,
    first_viewed_at timestamp,
    last_viewed_at timestamp
);
