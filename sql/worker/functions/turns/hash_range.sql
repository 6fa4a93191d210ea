create or replace function worker.hash_range()
  returns table (first_hash integer, last_hash integer, hash_mask integer, hash_prefix integer)
  language sql
  stable
begin atomic
  -- Equal leading bits are one range of signed numbers, except that no bits at all are the whole range.
  select
    case when c.realm_mask = 0 then -32768 else c.realm >> 16 end,
    case when c.realm_mask = 0 then 32767 else (c.realm | ~c.realm_mask) >> 16 end,
    c.realm_mask >> 16,
    c.realm >> 16
  from worker.configuration as c;
end;

comment on function worker.hash_range is
  'The 16-bit hashes of this shard''s keys, as the solver database selects rows by them: as a range with both ends '
  'included, and as a mask with the masked value. Called by the exchange.';
