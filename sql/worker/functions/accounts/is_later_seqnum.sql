create or replace function worker.is_later_seqnum(p_seqnum integer, p_than integer)
  returns boolean
  language sql
  immutable
  parallel safe
begin atomic
  select ((p_seqnum::bigint - p_than) & 4294967295) between 1 and 2147483647;
end;

comment on function worker.is_later_seqnum is
  'Compares sequence numbers that wrap from 2147483647 to -2147483648. Called when account updates are put in '
  'order.';
