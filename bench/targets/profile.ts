// What every target answers: as large as Veche's own profile of a new user.
export const PROFILE = {
  id: "0243988467494696",
  nickname: "ann",
  display_name: null,
  bio: null,
  avatar_url: null,
  first_name: null,
  last_name: null,
  gender: null,
  birthday: null,
  created_at_unix_ms: 1795257096950,
  email: "ann@example.com",
  username: null,
  role: "user",
};
