-- For deploy/terraform: the loop signs in with IAM, and lands and builds as one user, which owns all
-- schemas; analysts read marts and seeds. The administrator runs this once, in the database hirehouse.
-- The user is IAMR: and the name of the role of the loop; Redshift would make it at its first sign-in.
create user "IAMR:hirehouse-run" password disable;
create group analysts;

create schema landed authorization "IAMR:hirehouse-run";
create schema staging authorization "IAMR:hirehouse-run";
create schema intermediate authorization "IAMR:hirehouse-run";

create schema reference authorization "IAMR:hirehouse-run";
create schema core authorization "IAMR:hirehouse-run";
create schema marketplace authorization "IAMR:hirehouse-run";
create schema finance authorization "IAMR:hirehouse-run";
create schema growth authorization "IAMR:hirehouse-run";
create schema product authorization "IAMR:hirehouse-run";
create schema operations authorization "IAMR:hirehouse-run";
create schema data_science authorization "IAMR:hirehouse-run";
grant usage on schema reference, core, marketplace, finance, growth, product, operations, data_science to group analysts;
alter default privileges for user "IAMR:hirehouse-run"
in schema reference, core, marketplace, finance, growth, product, operations, data_science
grant select on tables to group analysts;

-- For schemas that are built beside production, and then swapped with it.
grant create on database hirehouse to "IAMR:hirehouse-run";

-- An analyst, for example:
-- create user ana password 'Change-me-1' in group analysts;
