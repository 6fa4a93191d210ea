create or replace function worker.first_row_id(p_block bigint)
  returns tid
  language sql
  immutable
  parallel safe
begin atomic
  -- The last block there can be is never in use.
  select format('(%s,0)', least(p_block, 4294967295))::tid;
end;

comment on function worker.first_row_id is
  'Where the physical block (from 0) of a table begins, to be compared with ctid. Called by the scans.';
