-- Sessions to the hours of the repositories in which their calls may count, or may have counted.
SELECT org_id, repo, bucket_start FROM ({session_places})
