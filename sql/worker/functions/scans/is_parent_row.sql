create or replace function worker.is_parent_row(p_key_hash integer, p_configuration worker.configuration)
  returns boolean
  language sql
  immutable
  parallel safe
begin atomic
  select p_configuration.delete_parent_shard_records
    and (p_key_hash & p_configuration.realm_mask) <> p_configuration.realm
    and (p_key_hash & p_configuration.parent_realm_mask) = p_configuration.parent_realm;
end;

comment on function worker.is_parent_row is
  'Was a row with this hash of its key copied from the parent shard for the sibling only, and shall such rows be '
  'deleted? A row that is in neither realm is somebody''s mistake, and stays. Called by the scans.';
