create table solver.turn_phase (
  turn_id integer not null references solver.turn on delete cascade,
  phase smallint not null check (phase between 1 and 4),
  began_at timestamptz not null,
  primary key (turn_id, phase)
);

comment on table solver.turn_phase is
  'When the phases of turns began, for people who look back. Nothing depends on it; turns of earlier releases have no '
  'rows here.';
