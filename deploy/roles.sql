-- Three roles, for PostgreSQL and Redshift alike. A superuser runs this once, in an empty database:
--   loader       lands events: it owns the schema landed
--   transformer  runs dbt: it reads landed, and owns the schemas of models and seeds
--   analysts     read marts and seeds, and nothing else
-- Then give each user a password of its own.
create user loader password 'Change-me-1';
create user transformer password 'Change-me-2';
create group analysts;

create schema landed authorization loader;
grant usage on schema landed to transformer;
-- Of tables that come later, too.
alter default privileges for user loader in schema landed grant select on tables to transformer;

-- Nobody else may use these: they have personal data.
create schema staging authorization transformer;
create schema intermediate authorization transformer;

create schema reference authorization transformer;
create schema core authorization transformer;
create schema marketplace authorization transformer;
create schema finance authorization transformer;
create schema growth authorization transformer;
create schema product authorization transformer;
create schema operations authorization transformer;
create schema data_science authorization transformer;
grant usage on schema reference, core, marketplace, finance, growth, product, operations, data_science to group analysts;
alter default privileges for user transformer
in schema reference, core, marketplace, finance, growth, product, operations, data_science
grant select on tables to group analysts;

-- An analyst, for example:
-- create user ana password 'Change-me-3' in group analysts;
