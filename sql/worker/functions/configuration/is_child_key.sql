create or replace function worker.is_child_key(p_parent text, p_child text)
  returns boolean
  language sql
  immutable
  parallel safe
begin atomic
  select p_child in (replace(p_parent, '#', '0.#'), replace(p_parent, '#', '1.#'));
end;

comment on function worker.is_child_key is
  'Whether a binding key is that of a half of another one''s shard. Called by worker.check_identity and configure.';
