create table solver.turn_archive (
  turn_id integer not null,
  started_at timestamptz not null,
  name text collate "C" not null check (name ~ '^[a-z][a-z_]*[.](parquet|json)$'),
  part smallint not null check (part >= 0),
  body bytea not null check (length(body) <= 8388608),
  first_id bigint,
  primary key (turn_id, started_at, name, part)
);

-- It is compressed already.
alter table solver.turn_archive alter column body set storage external;

comment on table solver.turn_archive is
  'What turns traded and why, as files: market, prices, result, reasons, report. Nothing depends on it: it may be '
  'emptied, left out of dumps, or dropped. Written when phase 3 has begun; APP_ARCHIVED_TURNS says of how many turns.';
comment on column solver.turn_archive.started_at is
  'That of the turn: IDs of turns come again when this database steps back in time.';
comment on column solver.turn_archive.name is 'A file of the directory that `swpt-trade export_turn` writes.';
comment on column solver.turn_archive.body is
  'At most 8 MiB. The parts of a name, one after the other from 0, are the file; where they have a first_id, each of '
  'them is a parquet file of its own, and their rows, one after the other, are those of the file.';
comment on column solver.turn_archive.first_id is
  'The creditor or debtor with which a part begins whose rows are sorted by it: what one has can be found and read '
  'without the rest. Null: the rows have no such order.';
