create table worker.takeover (
  only_row boolean primary key default true check (only_row),
  release text collate "C" not null,
  system_identifier bigint not null,
  database_id bigint not null,
  schema_name text collate "C" not null,
  imported_at timestamptz not null,
  imported_by text collate "C" not null,
  row_counts jsonb not null,
  had_payments boolean not null default false
);

comment on table worker.takeover is
  'Where the rows of this database came from when it took over the work of an earlier service, one row that '
  '`import_databases` commits together with them. Empty: it began by itself.';
comment on column worker.takeover.release is 'That of the earlier service.';
comment on column worker.takeover.system_identifier is
  'That of the earlier database''s server; database_id is its OID, schema_name where its tables were.';
comment on column worker.takeover.row_counts is 'How many rows were imported, by table.';
comment on column worker.takeover.had_payments is
  'Whether payments were under way: then the earlier service must not work again, or both would pay.';
