-- The sharding hash. Frozen: generated columns of every keyed table depend on these functions.

create function shared.hash32(p_key bigint)
  returns integer
  language sql
  immutable
  parallel safe
return ('x' || left(md5(int8send(p_key)), 8))::bit(32)::integer;

comment on function shared.hash32(bigint) is
  'First 32 bits of the MD5 of the 8 big-endian bytes of an ID, as a signed integer. Decides shard and lane of a key.';

create function shared.hash32(p_key text)
  returns integer
  language sql
  immutable
  parallel safe
return ('x' || left(md5(p_key), 8))::bit(32)::integer;

comment on function shared.hash32(text) is
  'First 32 bits of the MD5 of the UTF-8 bytes of an IRI or locator, as a signed integer. Decides shard and lane '
  'of a key.';

create function shared.hash16(p_key bigint)
  returns smallint
  language sql
  immutable
  parallel safe
return (shared.hash32(p_key) >> 16)::smallint;

comment on function shared.hash16(bigint) is
  'First 16 bits of the MD5 of an ID, as a signed integer: what the solver database keeps beside IDs for shard '
  'selection.';
