create or replace function worker._hash_of_id(p_id jsonb)
  returns integer
  language sql
  immutable
  parallel safe
begin atomic
  select case
    when jsonb_typeof(p_id) = 'number' and p_id::numeric between -9223372036854775808 and 9223372036854775807
      then worker.hash32(p_id::bigint)
  end;
end;
