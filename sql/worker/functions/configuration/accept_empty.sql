create or replace function worker.accept_empty()
  returns boolean
  language sql
  volatile
begin atomic
  with accepted as (
    update worker.identity set empty_accepted_at = worker.now() where empty_accepted_at is null
    returning 1
  )
  select exists (select from accepted);
end;

comment on function worker.accept_empty is
  'Says that this database, although new, lacks no collectors: accounts that nobody knows may be given up. Returns '
  'whether that is news. Called by `configure --accept-empty`.';
