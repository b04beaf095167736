-- After the first run, as dbt creates the indexes of a table that it has built.
create unique index on page_views (page_view_id);
create index on page_views (person_id);
create index on page_views (viewed_at);
create index on sessions (person_id);
create unique index on persons (person_id);
analyze page_views;
analyze sessions;
analyze persons;
