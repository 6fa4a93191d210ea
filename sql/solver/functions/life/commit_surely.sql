create or replace function solver.commit_surely()
  returns void
  language plpgsql
as $$
begin
  if current_setting('synchronous_commit') <> 'remote_apply' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
end
$$;

comment on function solver.commit_surely is
  'Makes the commit of this transaction wait until it is on disk, and on that of the synchronous standby where there '
  'is one, whatever the setting. Called where others act on what is committed.';
