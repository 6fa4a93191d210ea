create table solver.takeover (
  only_row boolean primary key default true check (only_row),
  release text collate "C" not null,
  system_identifier bigint not null,
  database_id bigint not null,
  schema_name text collate "C" not null,
  imported_at timestamptz not null,
  imported_by text collate "C" not null,
  row_counts jsonb not null
);

comment on table solver.takeover is
  'Where the rows of this database came from when it took over the work of an earlier service, one row that '
  '`import_databases` commits together with them. Empty: it began by itself.';
comment on column solver.takeover.release is 'That of the earlier service.';
comment on column solver.takeover.system_identifier is
  'That of the earlier database''s server; database_id is its OID, schema_name where its tables were.';
comment on column solver.takeover.row_counts is 'How many rows were imported, by table.';
